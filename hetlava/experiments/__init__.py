"""The papers' comparisons as experiments that anyone can repeat; each is planned in its module."""
