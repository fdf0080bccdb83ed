"""All of MLflow: where its store is, a live log that training never waits for, and the record of a finished run."""
