import Datasets
import Foundation
import Images
import Testing

@Suite struct DocumentationTests {
  let text: String

  init() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    text = try String(
      contentsOf: root.appendingPathComponent("docs/pictures.md"), encoding: .utf8)
  }

  @Test func `every code of a refusal is explained`() {
    let codes = ImageError.Code.allCases.map(\.rawValue) + RejectionCode.allCases.map(\.rawValue)
    for code in codes { #expect(text.contains("| `\(code)` |"), "\(code)") }
  }

  @Test func `every limit is listed`() {
    for limit in Mirror(reflecting: ImageLimits()).children {
      #expect(text.contains("`ImageLimits.\(limit.label ?? "")`"), "\(limit)")
    }
    for limit in Mirror(reflecting: AdmissionLimits()).children where limit.label != "image" {
      #expect(text.contains("`AdmissionLimits.\(limit.label ?? "")`"), "\(limit)")
    }
  }

  @Test func `every format is listed`() {
    for format in ImageFormat.allCases {
      #expect(text.lowercased().contains("| \(format.rawValue) |"), "\(format)")
    }
  }
}
