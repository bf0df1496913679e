"""`python -m profundo`, which is how torchrun starts it."""

from profundo.cli import main

if __name__ == "__main__":
    main()
