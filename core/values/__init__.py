"""The frozen values of the domain: conversations, answers, documents and models. No I/O."""
