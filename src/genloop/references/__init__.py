"""What people may call a run: its name, an MLflow run, or a name at a Git revision or experiment."""
