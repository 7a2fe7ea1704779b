public import JSONTree
public import NeuralNetworks

/// What a caller asks of a run: a value for some fields of `RecipeField.all`; the others are `auto`, left to the preset,
/// the dataset and the machine. Resolved into a `Recipe`, which is where the limits are checked.
public struct RecipeRequest: Hashable, Sendable {
  /// The values that are given, by the fields' names.
  private var values: [String: JSONValue] = [:]

  /// A request that leaves everything open.
  public init() {}

  /// Whether everything is left open.
  public var isEmpty: Bool { values.isEmpty }

  /// The fields that are given with their values, in the table's order.
  public var given: [(field: RecipeField, value: JSONValue)] {
    RecipeField.all.compactMap { field in values[field.name].map { (field, $0) } }
  }

  /// The value of a field by its name; nil for `auto`. A name that is no field's traps.
  public subscript(name: String) -> JSONValue? {
    get { values[name] }
    set {
      precondition(RecipeField.named(name) != nil, "No field of a recipe is called \(name).")
      values[name] = newValue
    }
  }

  /// The value of a field by its property in `Recipe`; nil for `auto`. A property that is no field's traps.
  public subscript<Value: RecipeValue>(path: WritableKeyPath<Recipe, Value>) -> Value? {
    get { values[name(of: path)].flatMap { try? Value(reading: $0) } }
    set { values[name(of: path)] = newValue?.json }
  }

  /// Takes the encoder of given weights where the request leaves it open.
  public mutating func adopt(_ encoder: EncoderConfiguration) {
    self[\.encoder.architecture] = self[\.encoder.architecture] ?? encoder.architecture
    self[\.encoder.width] = self[\.encoder.width] ?? encoder.width
    self[\.encoder.stem] = self[\.encoder.stem] ?? encoder.stem
  }

  private func name(of path: PartialKeyPath<Recipe>) -> String {
    for field in RecipeField.all {
      if let own = field.access.path, own as AnyKeyPath == path as AnyKeyPath { return field.name }
    }
    preconditionFailure("No field of a recipe has the key path \(path).")
  }

  /// The fields that are given with another value than a recipe has, in the table's order.
  public func contradictions(to recipe: Recipe) -> [(field: RecipeField, value: JSONValue)] {
    given.filter { field, value in
      var other = recipe
      field.access.assign(value, to: &other)
      return other != recipe
    }
  }

  /// What is wrong with the values that are given, each looked at alone.
  var problems: [FieldProblem] { given.compactMap { $0.field.problem(with: $0.value) } }
}
