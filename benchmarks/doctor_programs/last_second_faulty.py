"""Programs written apart, by people who had not seen the doctor."""
