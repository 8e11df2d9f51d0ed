"""Ways to hand activities out: each knows its capacity and delivers, and none sees store, keys or settings."""
