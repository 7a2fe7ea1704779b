/// The number of elements along each axis, outermost first; `[]` is a scalar.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible, Codable
{
  /// Elements along each axis.
  public let dimensions: [Int]

  /// A shape of the given dimensions, each at least 0.
  public init(_ dimensions: [Int]) {
    precondition(dimensions.allSatisfy { $0 >= 0 }, "A dimension is negative in \(dimensions).")
    self.dimensions = dimensions
  }

  /// A shape of the listed dimensions.
  public init(arrayLiteral elements: Int...) { self.init(elements) }

  /// Decodes an array of integers.
  public init(from decoder: any Decoder) throws {
    self.init(try decoder.singleValueContainer().decode([Int].self))
  }

  /// Encodes an array of integers.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(dimensions)
  }

  /// The number of axes.
  public var rank: Int { dimensions.count }

  /// The number of elements: the product of the dimensions, 1 for a scalar.
  public var elementCount: Int { dimensions.reduce(1, *) }

  /// Elements along one axis; a negative axis counts from the end.
  public subscript(axis: Int) -> Int { dimensions[axis < 0 ? rank + axis : axis] }

  /// `[2, 3]`.
  public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
