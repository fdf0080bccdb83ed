"""Whether a challenger takes the champion's place: rules of params.yaml, judged with intervals."""
