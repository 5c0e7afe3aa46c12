"""What models did with their tools, read from traces: crops, tool mix, and the statistics of counts."""
