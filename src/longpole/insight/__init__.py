"""What can be told from the journal and the rows; nothing here changes anything."""
