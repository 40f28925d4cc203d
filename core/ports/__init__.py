"""How the core reaches the world: protocols, and the errors that they raise."""
