public import JSONTree
public import Methods
public import NeuralNetworks
public import TensorGraph

/// A type that a recipe's field may have: it is read from one JSON value and written as one.
public protocol RecipeValue: Hashable, Sendable, Codable {
  /// The value that JSON text gives.
  ///
  /// - Throws: `wrongType` for another kind of value, `outOfRange` for a number that the type cannot hold, `unknownValue`
  ///   for a word that is not one of the choices. Limits are checked by the field, not here.
  init(reading json: JSONValue) throws(FieldProblem.Code)
  /// The value as JSON. A number that is not finite becomes a string, since JSON has none.
  var json: JSONValue { get }
}

/// A type with a fixed list of values, each of which has a word.
public protocol RecipeChoice: RecipeValue, CaseIterable, RawRepresentable<String> {}

extension RecipeChoice {
  /// The choice that a word names.
  public init(reading json: JSONValue) throws(FieldProblem.Code) {
    guard let word = json.stringValue else { throw .wrongType }
    guard let choice = Self(rawValue: word) else { throw .unknownValue }
    self = choice
  }

  /// The word.
  public var json: JSONValue { .string(rawValue) }
}

extension RecipePreset: RecipeChoice {}
extension Recipe.Optimizer: RecipeChoice {}
extension Recipe.TauSchedule: RecipeChoice {}
extension Recipe.RateSchedule: RecipeChoice {}
extension Recipe.TermsSchedule: RecipeChoice {}
extension Recipe.Memory: RecipeChoice {}
extension Recipe.OnCollapse: RecipeChoice {}
extension Recipe.Embedding: RecipeChoice {}
extension MethodName: RecipeChoice {}
extension EncoderConfiguration.Architecture: RecipeChoice {}
extension EncoderConfiguration.Stem: RecipeChoice {}
extension Precision: RecipeChoice {}

extension Int: RecipeValue {
  /// A number without a fraction.
  public init(reading json: JSONValue) throws(FieldProblem.Code) {
    self = try wholeNumber(json)
  }

  /// The number.
  public var json: JSONValue { .integer(Int64(self)) }
}

extension UInt64: RecipeValue {
  /// A number without a fraction, 0 or greater.
  public init(reading json: JSONValue) throws(FieldProblem.Code) {
    self = try wholeNumber(json)
  }

  /// The number; one that JSON's readers do not keep exact becomes a string.
  public var json: JSONValue {
    Int64(exactly: self).map(JSONValue.integer) ?? .string(String(self))
  }
}

extension Double: RecipeValue {
  /// Any number.
  public init(reading json: JSONValue) throws(FieldProblem.Code) {
    guard let number = json.doubleValue else { throw .wrongType }
    self = number
  }

  /// The number.
  public var json: JSONValue { isFinite ? .number(self) : .string("\(self)") }
}

extension Float: RecipeValue {
  /// Any number, rounded to this type's precision.
  public init(reading json: JSONValue) throws(FieldProblem.Code) {
    self = Float(try Double(reading: json))
  }

  /// The number in the fewest digits that give it back: 0.4, where widening it would give 0.4000000059604645.
  public var json: JSONValue {
    isFinite ? .number(Double("\(self)") ?? Double(self)) : .string("\(self)")
  }
}

extension [Float]: RecipeValue {
  /// An array of numbers.
  public init(reading json: JSONValue) throws(FieldProblem.Code) {
    guard let elements = json.arrayValue else { throw .wrongType }
    var numbers: [Float] = []
    for element in elements { numbers.append(try Float(reading: element)) }
    self = numbers
  }

  /// The numbers.
  public var json: JSONValue { .array(map(\.json)) }
}

private func wholeNumber<Value: BinaryInteger>(
  _ json: JSONValue
) throws(FieldProblem.Code) -> Value {
  guard json.doubleValue != nil else { throw .wrongType }
  guard let number = json.integerValue, let value = Value(exactly: number) else {
    throw .outOfRange
  }
  return value
}
