"""A Teams stand-in: connector, sign-in, Microsoft Graph and SharePoint, strict as Microsoft's."""
