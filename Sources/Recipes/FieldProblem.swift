public import JSONTree

/// One field of a request or of a stored recipe that cannot be accepted.
public struct FieldProblem: Error, Hashable, Sendable, Codable {
  /// What kind of problem it is.
  public enum Code: String, Error, Hashable, Sendable, Codable, CaseIterable {
    /// No such field.
    case unknownField = "unknown_field"
    /// A value of another kind, such as a string for a number.
    case wrongType = "wrong_type"
    /// Not one of the listed values.
    case unknownValue = "unknown_value"
    /// A number outside the limits.
    case outOfRange = "out_of_range"
    /// Two fields contradict each other.
    case conflict
    /// The dataset has too few pictures for the batch.
    case tooFewPictures = "too_few_pictures"
  }

  /// The field's path: `batch_size`, `augmentations.first.hue`.
  public var field: String
  /// The value that was given, `null` where it was left open.
  public var value: JSONValue
  /// What is allowed, in words.
  public var allowed: String
  /// What kind of problem it is.
  public var code: Code

  /// A problem with one field.
  public init(field: String, value: JSONValue, allowed: String, code: Code) {
    self.field = field
    self.value = value
    self.allowed = allowed
    self.code = code
  }
}

/// Everything that keeps a request from becoming a recipe.
public struct RecipeProblems: Error, Hashable, Sendable {
  /// The problems, at least one, in the order of the fields.
  public var problems: [FieldProblem]

  /// The problems of a request.
  public init(problems: [FieldProblem]) { self.problems = problems }
}
