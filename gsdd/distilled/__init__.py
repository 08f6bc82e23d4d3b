"""A .gsdd file as an object: latents, their images and signatures; merging files, embedding generators."""
