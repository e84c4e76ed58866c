"""The stand-in of the Finance SDK: C source, and what builds and scripts it."""
