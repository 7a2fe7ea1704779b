/// The vector brought to length 1, summed in double precision in order; zero stays zero.
public func normalized(_ vector: [Float]) -> [Float] {
  var sum = 0.0
  for value in vector { sum += Double(value) * Double(value) }
  guard sum > 0 else { return vector }
  let scale = 1 / sum.squareRoot()
  return vector.map { Float(Double($0) * scale) }
}
