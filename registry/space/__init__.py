"""The page as a Space on the Hugging Face Hub."""
