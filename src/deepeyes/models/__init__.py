"""Models: one protocol, several ways to fulfil it (a server, Transformers in-process, nano, scripted
replies).
"""
