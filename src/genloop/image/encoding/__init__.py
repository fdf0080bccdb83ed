"""How the bytes of pictures become numbers and come back."""
