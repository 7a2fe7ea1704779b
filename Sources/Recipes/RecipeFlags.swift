import JSONTree

/// A word of the command line that is no flag of a recipe, or has no value.
public struct RecipeFlagError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong and what is allowed, in one sentence.
  public let description: String
}

extension RecipeRequest {
  /// Reads a request from command-line words: `--batch-size 64`, `--batch-size=64`, `--augmentations.first.crop-area 0.2,1`.
  ///
  /// Each flag may be given once. `--hidden` stands for `--projector-hidden` and `--predictor-hidden`.
  /// - Throws: `RecipeFlagError` for words that are no flags, flags without a value and flags given twice. Values are
  ///   only read here; their limits are checked by `resolve`, as those of every request.
  public init(flags words: [String]) throws(RecipeFlagError) {
    self.init()
    var rest = words[...]
    while let word = rest.popFirst() {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let flag = String(parts[0])
      let fields = try Self.fields(of: flag)
      guard let text = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
        throw RecipeFlagError(
          description: "\(flag) lacks its value; allowed: \(fields[0].allowed).")
      }
      for field in fields {
        guard self[field.name] == nil else {
          throw RecipeFlagError(description: "\(field.flag) is given twice.")
        }
        self[field.name] = field.json(text)
      }
    }
    for (field, value) in given where value == .string("auto") { self[field.name] = nil }
  }

  private static func fields(of flag: String) throws(RecipeFlagError) -> [RecipeField] {
    if flag == "--hidden" {
      return RecipeField.all.filter { ["projector_hidden", "predictor_hidden"].contains($0.name) }
    }
    if let field = RecipeField.all.first(where: { $0.flag == flag }) { return [field] }
    guard flag.hasPrefix("--") else {
      throw RecipeFlagError(description: "“\(flag.prefix(80))” belongs to no flag.")
    }
    let nearest = nearestName(to: flag, among: RecipeField.all.map(\.flag))
    throw RecipeFlagError(
      description: "There is no flag \(flag.prefix(80))"
        + (nearest.map { "; \($0) is the nearest." } ?? "; --help lists them."))
  }
}

extension RecipeField {
  /// The JSON value that a flag's text stands for; text that is no number stays text, which the field refuses.
  fileprivate func json(_ text: String) -> JSONValue {
    if text == "auto" { return .string(text) }
    switch kind {
    case .choice: return .string(text)
    case .integer, .number: return number(text)
    case .numbers:
      return .array(
        text.split(separator: ",", omittingEmptySubsequences: false).map { number(String($0)) })
    }
  }

  private func number(_ text: String) -> JSONValue {
    if let whole = Int64(text) { return .integer(whole) }
    guard let number = Double(text), number.isFinite else { return .string(text) }
    return .number(number)
  }
}
