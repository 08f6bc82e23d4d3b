"""The second-order degradation of Real-ESRGAN, written from the paper and its published options."""
