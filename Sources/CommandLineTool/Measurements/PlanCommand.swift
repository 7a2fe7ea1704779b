import ArgumentParser
import TensorGraph
import Training

/// `byol plan`
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Print what an update does and needs, without running one.",
    discussion: """
      Steps by operation, with the bytes that each must read or write once at least and its multiplications; \
      copies between layouts (reorders); the arena in which intermediate values live, and all memory.
      """)

  @OptionGroup var update: UpdateOptions

  @Flag(help: "Print every step in order, with its kernel.")
  var steps = false

  func run() throws {
    let recipe = try update.recipe()
    let trainer = try update.trainer(recipe)
    print(update.sentence(recipe))
    let inspection = try update.inspection(trainer)
    print(UpdatePlan(inspection).text)
    guard steps else { return }
    for step in inspection.steps {
      print(
        "%\(step.node) \(step.name) \(step.shape) \(step.byteCount) bytes \(step.kernel)")
    }
  }
}

/// A compiled update in figures.
struct UpdatePlan {
  /// The steps of one operation.
  struct Row: Equatable {
    var name: String
    var count = 0
    var byteCount = 0
    var multiplicationCount = 0
  }

  /// By operation, most bytes first.
  var rows: [Row]
  /// The bytes of intermediate values.
  var arenaByteCount: Int
  /// The bytes of everything.
  var byteCount: Int

  init(_ program: any InspectableProgram) {
    var rows: [String: Row] = [:]
    for step in program.steps {
      var row = rows[step.name] ?? Row(name: step.name)
      row.count += 1
      row.byteCount += step.byteCount
      row.multiplicationCount += step.multiplicationCount
      rows[step.name] = row
    }
    self.rows = rows.values.sorted { ($0.byteCount, $1.name) > ($1.byteCount, $0.name) }
    arenaByteCount = program.arenaByteCount
    byteCount = program.byteCount
  }

  /// A table for people.
  var text: String {
    var lines = [TextTable.line(["operation", "steps", "MiB", "G multiplications"])]
    for row in rows {
      lines.append(
        TextTable.line([
          row.name, "\(row.count)", mebibytes(row.byteCount),
          row.multiplicationCount == 0 ? "" : fixed(Double(row.multiplicationCount) / 1e9, 2),
        ]))
    }
    let reorders = rows.first { $0.name == "reorder" }?.count ?? 0
    let bytes = rows.reduce(0) { $0 + $1.byteCount }
    lines.append(
      "\(rows.reduce(0) { $0 + $1.count }) steps, \(reorders) of them reorders; "
        + "\(mebibytes(bytes)) MiB read or written")
    lines.append("arena \(mebibytes(arenaByteCount)) MiB, in all \(mebibytes(byteCount)) MiB")
    return lines.joined(separator: "\n")
  }

  private func mebibytes(_ count: Int) -> String { fixed(Double(count) / 1_048_576, 1) }
}
