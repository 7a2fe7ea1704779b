import JSONTree

/// A key path to a stored property, which threads may share.
typealias SendablePath<Root, Value> = any WritableKeyPath<Root, Value> & Sendable

// What the table's lines are written with. Each function is one kind of field; the limits and the default have the type
// of the stored property, so that a line that does not fit its property does not compile.
extension RecipeField {
  typealias Choose<Value> = @Sendable (Recipe, RecipeSituation) -> Value

  /// A field of whole numbers or of numbers.
  static func number<Value: RecipeValue & Comparable>(
    _ name: String, _ path: SendablePath<Recipe, Value>, _ range: ClosedRange<Value>,
    _ description: Description, whereAbsent: Value? = nil, choose: @escaping Choose<Value>
  ) -> RecipeField {
    RecipeField(
      name: name, storedPath: storedPath(name), kind: kind(of: Value.self), limits: limits(range),
      description: description,
      access: TypedFieldAccess(
        path: path, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 },
        isAllowed: { range.contains($0) }, choice: choose, whereAbsent: whereAbsent))
  }

  /// A field of words; `storedIn` names the part of the stored recipe that holds it.
  static func choice<Value: RecipeChoice>(
    _ name: String, _ path: SendablePath<Recipe, Value>, _ description: Description,
    storedIn parent: String? = nil, whereAbsent: Value? = nil, choose: @escaping Choose<Value>
  ) -> RecipeField {
    RecipeField(
      name: name, storedPath: storedPath(parent.map { "\($0).\(name)" } ?? name),
      kind: .choice(Value.allCases.map(\.rawValue)), limits: nil, description: description,
      access: TypedFieldAccess(
        path: path, get: { $0[keyPath: path] }, set: { $0[keyPath: path] = $1 },
        isAllowed: { _ in true }, choice: choose, whereAbsent: whereAbsent))
  }

  /// A field inside a part of the recipe, such as the first view's distribution.
  static func part<Part, Value: RecipeValue>(
    _ name: String, _ part: SendablePath<Recipe, Part>,
    _ path: SendablePath<Part, Value>, _ kind: Kind, _ limits: Limits,
    _ description: Description, whereAbsent: Value? = nil,
    isAllowed: @escaping @Sendable (Value) -> Bool, choose: @escaping Choose<Value>
  ) -> RecipeField {
    RecipeField(
      name: name, storedPath: storedPath(name), kind: kind, limits: limits,
      description: description,
      access: TypedFieldAccess(
        path: nil, get: { $0[keyPath: part][keyPath: path] },
        set: { $0[keyPath: part][keyPath: path] = $1 }, isAllowed: isAllowed, choice: choose,
        whereAbsent: whereAbsent))
  }

  /// The same field, stored in a part of the recipe under its own name.
  func stored(in parent: String) -> RecipeField {
    RecipeField(
      name: name, storedPath: [parent] + storedPath, kind: kind, limits: limits,
      description: description, access: access)
  }

  static func limits<Value: RecipeValue & Comparable>(_ range: ClosedRange<Value>) -> Limits {
    Limits(least: range.lowerBound.json, greatest: range.upperBound.json)
  }

  private static func kind(of type: (some RecipeValue).Type) -> Kind {
    type is any BinaryInteger.Type ? .integer : .number
  }

  /// `augmentations.first.crop_area` as the names of Swift's properties.
  private static func storedPath(_ name: String) -> [String] {
    name.split(separator: ".").map { part in
      let words = part.split(separator: "_")
      return words.dropFirst().reduce(String(words.first ?? "")) {
        $0 + $1.prefix(1).uppercased() + $1.dropFirst()
      }
    }
  }
}
