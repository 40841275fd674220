"""What do run notifications of HCP Terraform send?"""
