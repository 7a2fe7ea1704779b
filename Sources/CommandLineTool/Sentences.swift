import Datasets
import JSONTree
import NeuralNetworks
import Recipes

extension AdmissionReport {
  /// The report for people: counts, then each kind of loss, then the advice.
  var sentences: [String] {
    var lines = [
      "Admitted \(accepted) pictures; \(rejectedCount) rejected, \(skippedCount) skipped, "
        + "\(duplicateCount) duplicates, \(nearDuplicateCount) nearly so."
    ]
    lines += rejected.prefix(10).map { "  \($0.name): \($0.code.rawValue): \($0.detail)" }
    if rejectedCount > 10 { lines.append("  … and \(rejectedCount - 10) more, in report.json.") }
    return lines + advice
  }
}

extension AdmissionProgress {
  /// How far it is, in one line.
  var sentence: String { "\(entries) entries: \(accepted) admitted, \(rejected) rejected." }
}

extension Recipe {
  /// What is about to be trained, in one line.
  var sentence: String {
    "\(encoder.architecture.rawValue) ×\(encoder.width), \(encoder.stem.rawValue) stem, \(imageSize) px, "
      + "\(pictures) pictures, batch \(batchSize), \(epochs) epochs = \(totalSteps) steps, "
      + "\(optimizer.rawValue), peak learning rate \(peakLearningRate), tau \(baseTau)"
  }
}

extension RecipeProblems {
  /// One line per problem, under the names of flags. `flags` has those that are not named after their fields.
  func sentences(flags: [String: String]) -> String {
    let sentences = problems.map { problem in
      let name = flags[problem.field] ?? RecipeField.named(problem.field)?.flag ?? problem.field
      let given = problem.value.description
      let short = given.count > 80 ? "\(given.prefix(80))…" : given
      return "\(name): \(short) was given; allowed: \(problem.allowed)."
    }
    return sentences.enumerated().filter { !sentences[..<$0].contains($1) }.map(\.element)
      .joined(separator: "\nError: ")
  }

  /// One line per problem, under the names of `byol train`'s flags.
  var sentences: String { sentences(flags: [:]) }
}

extension AdmissionError {
  /// The error for people: what came of which entries, where no picture was accepted.
  func sentence(pictures path: String) -> String {
    guard case .noPictures(let report) = self else { return "\(path): \(self)" }
    let entries = report.rejectedCount + report.skippedCount
    let reasons = report.reasons
    return "\(path) has no picture that is accepted, of \(entries) entries"
      + (reasons.isEmpty ? "." : ": \(reasons.joined(separator: "; ")).")
  }
}

extension AdmissionReport {
  /// How many entries were not accepted for which reason, with the first of each as an example.
  var reasons: [String] {
    var lines: [String] = []
    for (code, same) in Dictionary(grouping: rejected, by: \.code.rawValue).sorted(by: {
      $0.key < $1.key
    }) {
      lines.append(
        "\(same.count) \(code), such as \(same[0].name): \(sentencePart(same[0].detail))")
    }
    for (reason, same) in Dictionary(grouping: skipped, by: \.reason).sorted(by: { $0.key < $1.key }
    ) {
      lines.append("\(same.count) skipped as \(reason), such as \(same[0].name)")
    }
    let unlisted = rejectedCount + skippedCount - rejected.count - skipped.count
    return lines + (unlisted > 0 ? ["\(unlisted) more"] : [])
  }

  private func sentencePart(_ text: String) -> String {
    text.hasSuffix(".") ? String(text.dropLast()) : text
  }
}
