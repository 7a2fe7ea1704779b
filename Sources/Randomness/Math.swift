import Glibc

// Wrapped once, so that the one import of the C library stays in this file.
func logarithm(_ x: Double) -> Double { Glibc.log(x) }
func cosine(_ x: Double) -> Double { Glibc.cos(x) }
