"""The library doors: the same rollouts and rewards, with somebody else's trainer behind them."""
