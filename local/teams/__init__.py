"""A stand-in for Teams: connector, sign-in, Microsoft Graph and SharePoint, as strict as they."""
