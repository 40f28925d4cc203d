"""Microsoft Teams: parse its activities, render Markdown for it, call its connector and Graph."""
