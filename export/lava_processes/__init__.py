"""Lava processes of hetlava, apart because Lava's compiler imports every file of their folder."""
