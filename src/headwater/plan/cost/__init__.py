"""What a run costs on AWS: from the plan, the measured work of a run and a dated table of prices. Pure."""
