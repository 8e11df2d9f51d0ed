"""The worker: runs activities for a server, each in a process of its own, over connections that it opens itself."""
