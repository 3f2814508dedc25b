"""The embedded agent: a server of the agent API on this machine that reads pages by itself, and its demo shop.

`server.EmbeddedAgent` is the way in, `shop.Shop` the demo's state, `examples/` the watch files of its pages. Must not
know watches, verdicts or the store.
"""
