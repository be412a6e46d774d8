"""The plan: when, where and how wide a program is computed; never what."""
