"""Tool calls that a model wrote into its words, because its server reads another syntax or none.

One file for each way of writing them.
"""
