"""Microsoft's services as the stand-in serves them: connector, Graph, SharePoint, sign-in."""
