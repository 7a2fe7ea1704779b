import Datasets
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
  /// One line a problem.
  var sentences: String {
    problems.map { "\($0.field): \($0.value); allowed: \($0.allowed)" }.joined(separator: "\n")
  }
}
