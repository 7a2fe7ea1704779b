import ArgumentParser
import Foundation
import HTTP

/// The files that the service shows: the dashboard and the API's description.
struct ServiceResources {
  let files: StaticFiles
  let contract: [UInt8]

  /// Opens the files where they were named, or where they are found: in the working folder, beside the program,
  /// in `share/byol` beside the program's folder, or in a folder above the program (a checkout).
  ///
  /// - Throws: `ValidationError` where they are not.
  init(publicFolder: String?, contract: String?) throws {
    let folder = try publicFolder ?? Self.find("Public/index.html", of: "--public").parent
    let description = try contract ?? Self.find("openapi.yaml", of: "--contract")
    do {
      files = try StaticFiles(folder: folder)
    } catch {
      throw ValidationError("There is no dashboard at \(folder).")
    }
    guard let bytes = FileManager.default.contents(atPath: description) else {
      throw ValidationError("There is no API description at \(description).")
    }
    self.contract = Array(bytes)
  }

  private static func find(_ name: String, of option: String) throws -> String {
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    var folders = [FileManager.default.currentDirectoryPath]
    var above = program.deletingLastPathComponent()
    folders.append(above.deletingLastPathComponent().appendingPathComponent("share/byol").path)
    for _ in 0..<5 {
      folders.append(above.path)
      above = above.deletingLastPathComponent()
    }
    for folder in folders where FileManager.default.fileExists(atPath: folder + "/" + name) {
      return folder + "/" + name
    }
    throw ValidationError("\(name) was not found; name it with \(option).")
  }
}

extension String {
  /// The path without its last component.
  fileprivate var parent: String {
    URL(fileURLWithPath: self).deletingLastPathComponent().path
  }
}
