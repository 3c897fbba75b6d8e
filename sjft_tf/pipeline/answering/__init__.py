"""What names image files and writes the answers down, for programs/predict.py."""
