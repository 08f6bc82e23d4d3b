"""Looking at files: contact sheets, savings, verification."""
