"""New data, checked against the schema and the distribution of what the champion was trained on."""
