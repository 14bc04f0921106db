"""The program that goes out with a network for Lava; apart because it may not import hetlava."""
