public import JSONTree

/// A field of a recipe: everything that is said of it, said once.
///
/// From the table `RecipeField.all` come the reading of requests and of command-line flags, the limits, the values of
/// what is left open, the stored form, what decides the speed of an update, the dashboard's form and the documents.
public struct RecipeField: Sendable {
  /// What values a field takes.
  public enum Kind: Hashable, Sendable {
    /// A whole number.
    case integer
    /// A number.
    case number
    /// One of some words.
    case choice([String])
    /// An array of as many numbers, the least first where `isAscending`.
    case numbers(count: ClosedRange<Int>, isAscending: Bool)
  }

  /// The least and the greatest number, both allowed.
  public struct Limits: Hashable, Sendable {
    /// The least number.
    public let least: JSONValue
    /// The greatest number.
    public let greatest: JSONValue

    /// Both, as `0.25 … 4`.
    public var text: String { "\(least.inWords) … \(greatest.inWords)" }
  }

  /// What a field says of itself besides its values.
  public struct Description: Hashable, Sendable {
    /// Two or three words for a form.
    public var label: String
    /// What its numbers count or measure, such as `pictures`; empty for plain numbers and words.
    public var unit = ""
    /// What the field decides, in one sentence.
    public var sentence: String
    /// What `auto` becomes, in words.
    public var automatic: String
    /// Whether a form shows it first, before the rest is asked for.
    public var isCommon = false
    /// Whether updates take longer or shorter with another value.
    public var decidesSpeed = false
  }

  /// The path in requests: `batch_size`, `augmentations.first.hue`.
  public let name: String
  /// The path in stored recipes, in the case of Swift: `batchSize`, `encoder.architecture`.
  let storedPath: [String]
  /// What values it takes.
  public let kind: Kind
  /// The limits of its numbers; nil for words.
  public let limits: Limits?
  /// What it says of itself.
  public let description: Description
  /// How to reach its value in a recipe.
  let access: any RecipeFieldAccess

  /// The flag of the command line: `--batch-size`, `--augmentations.first.hue`.
  public var flag: String { "--" + name.replacing("_", with: "-") }

  /// What is allowed in a stored recipe, in words.
  var allowedValues: String {
    let within = limits.map { "from \($0.least.inWords) to \($0.greatest.inWords)" } ?? ""
    let unit = description.unit.isEmpty ? "" : " \(description.unit)"
    switch kind {
    case .integer: return "a whole number \(within)\(unit)"
    case .number: return "a number \(within)\(unit)"
    case .choice(let words): return words.joined(separator: ", ")
    case .numbers(let count, let isAscending):
      let least = count.lowerBound
      let counts = count.count == 1 ? "\(least)" : "\(least) to \(count.upperBound)"
      let order = isAscending ? ", the least first" : ""
      return "an array of \(counts) numbers \(within)\(unit)\(order)"
    }
  }

  /// What is allowed in a request, in words.
  public var allowed: String {
    if case .choice = kind { return "auto, " + allowedValues }
    return "auto, or " + allowedValues
  }

  /// What is wrong with a value of a request; nil where it may stand.
  func problem(with value: JSONValue) -> FieldProblem? {
    access.refusal(of: value).map {
      FieldProblem(field: name, value: value, allowed: allowed, code: $0)
    }
  }

  /// What is wrong with the field in a recipe; nil where it is within its limits.
  func problem(in recipe: Recipe) -> FieldProblem? {
    guard !access.isWithinLimits(in: recipe) else { return nil }
    return FieldProblem(
      field: name, value: access.value(in: recipe), allowed: allowedValues, code: .outOfRange)
  }

  /// The field's value in a recipe.
  public func value(in recipe: Recipe) -> JSONValue { access.value(in: recipe) }
}

/// A field's value inside a recipe, whatever its type.
protocol RecipeFieldAccess: Sendable {
  /// The key path, where it can be compared with others.
  var path: (any PartialKeyPath<Recipe> & Sendable)? { get }
  /// Why a value cannot be assigned; nil where it can.
  func refusal(of value: JSONValue) -> FieldProblem.Code?
  /// Assigns a value that `refusal` has let pass; others change nothing.
  func assign(_ value: JSONValue, to recipe: inout Recipe)
  func value(in recipe: Recipe) -> JSONValue
  func isWithinLimits(in recipe: Recipe) -> Bool
  func copy(from source: Recipe, to recipe: inout Recipe)
  /// Gives the field the value that `auto` becomes; the fields before it in the table have theirs.
  func choose(for recipe: inout Recipe, in situation: RecipeSituation)
  func encode(
    _ recipe: Recipe, to container: inout KeyedEncodingContainer<RecipeKey>, as key: RecipeKey
  ) throws
  func decode(
    into recipe: inout Recipe, from container: KeyedDecodingContainer<RecipeKey>?, as key: RecipeKey
  ) throws
}

/// `RecipeFieldAccess` for one type.
struct TypedFieldAccess<Value: RecipeValue>: RecipeFieldAccess {
  typealias Choice = @Sendable (Recipe, RecipeSituation) -> Value

  var path: (any PartialKeyPath<Recipe> & Sendable)?
  let get: @Sendable (Recipe) -> Value
  let set: @Sendable (inout Recipe, Value) -> Void
  let isAllowed: @Sendable (Value) -> Bool
  let choice: Choice
  /// What a stored recipe means that was written before the field existed; nil where every recipe has it.
  let whereAbsent: Value?

  func refusal(of value: JSONValue) -> FieldProblem.Code? {
    do throws(FieldProblem.Code) {
      return isAllowed(try Value(reading: value)) ? nil : .outOfRange
    } catch {
      return error
    }
  }

  func assign(_ value: JSONValue, to recipe: inout Recipe) {
    guard let value = try? Value(reading: value) else { return }
    set(&recipe, value)
  }

  func value(in recipe: Recipe) -> JSONValue { get(recipe).json }

  func isWithinLimits(in recipe: Recipe) -> Bool { isAllowed(get(recipe)) }

  func copy(from source: Recipe, to recipe: inout Recipe) { set(&recipe, get(source)) }

  func choose(for recipe: inout Recipe, in situation: RecipeSituation) {
    set(&recipe, choice(recipe, situation))
  }

  func encode(
    _ recipe: Recipe, to container: inout KeyedEncodingContainer<RecipeKey>, as key: RecipeKey
  ) throws {
    try container.encode(get(recipe), forKey: key)
  }

  func decode(
    into recipe: inout Recipe, from container: KeyedDecodingContainer<RecipeKey>?, as key: RecipeKey
  ) throws {
    if let whereAbsent, container?.contains(key) != true { return set(&recipe, whereAbsent) }
    guard let container else {
      throw DecodingError.keyNotFound(
        key, DecodingError.Context(codingPath: [], debugDescription: "It is missing."))
    }
    set(&recipe, try container.decode(Value.self, forKey: key))
  }
}

/// A name in a stored recipe.
struct RecipeKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(_ name: String) { stringValue = name }
  init?(stringValue: String) { self.init(stringValue) }
  init?(intValue: Int) { nil }
}

extension JSONValue {
  /// A number without the `.0` of a whole one; other values as JSON.
  fileprivate var inWords: String {
    let text = description
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
