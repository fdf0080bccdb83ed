"""How the values of a table become codes and come back."""
