"""Reinforcement learning with images that tools return: rollouts, advantages, losses, and two trainers."""
