"""The integer program: types, windows, operations, and how a program is stored and shown."""
