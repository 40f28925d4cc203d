"""How AWS is called: clients, errors, secrets, and values as AWS encodes them."""
