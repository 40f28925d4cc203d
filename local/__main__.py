"""`python -m local`: the `parley` command where the project is not installed, as in its image."""

from local.cli import main

if __name__ == "__main__":
    main()
