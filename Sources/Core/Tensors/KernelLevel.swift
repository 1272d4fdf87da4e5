internal import CKernels
import Foundation

/// Which kernels run: one table for each level of processor.
///
/// The fastest that the processor can is chosen once, unless the environment variable `MOTRANS_KERNELS` names another.
public enum KernelLevel: String, Sendable, CaseIterable {
    /// Any processor; products of matrices that are not packed go to OpenBLAS.
    case portable
    /// AVX2 and FMA.
    case avx2
    /// AVX-512.
    case avx512
    /// AVX-512 with products of bfloat16 pairs.
    case avx512bf16

    /// The levels that this processor can run, from the plainest to the fastest.
    public static let available: [KernelLevel] = tables.keys.sorted { $0.rank < $1.rank }

    /// What the environment asks for, nil when it asks for nothing.
    ///
    /// Throws when it asks for a level that there is not, or that this processor cannot run.
    public static func forced() throws(KernelLevelError) -> KernelLevel? {
        guard let name = ProcessInfo.processInfo.environment["MOTRANS_KERNELS"], !name.isEmpty else { return nil }
        guard let level = KernelLevel(rawValue: name), tables[level] != nil else { throw KernelLevelError(name: name) }
        return level
    }

    /// The level whose kernels run in this process.
    public static var chosen: KernelLevel { KernelLevel(rawValue: String(cString: ck.name)) ?? .portable }

    private var rank: Int { KernelLevel.allCases.firstIndex(of: self) ?? 0 }

    private static let tables: [KernelLevel: ck_kernels] = {
        var tables: [KernelLevel: ck_kernels] = [:]
        var index = 0
        while let table = ck_available_kernels(index) {
            if let level = KernelLevel(rawValue: String(cString: table.pointee.name)) { tables[level] = table.pointee }
            index += 1
        }
        return tables
    }()

    /// The table of the level that the environment asks for, else of the fastest.
    fileprivate static func chosenTable() -> ck_kernels {
        do {
            guard let level = try forced() ?? available.last, let table = tables[level] else {
                preconditionFailure("no kernels were compiled")
            }
            return table
        } catch {
            // Other kernels than those asked for would make a liar of whoever tests or measures a level.
            fatalError("\(error)")
        }
    }
}

/// `MOTRANS_KERNELS` names no level, or one that this processor cannot run.
public struct KernelLevelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What it names.
    public let name: String

    /// What was asked for, what there is, and what to do.
    public var description: String {
        let known = KernelLevel(rawValue: name) != nil
        let what = known ? "kernels that this processor cannot run" : "no level of kernels"
        let levels = KernelLevel.available.map(\.rawValue).joined(separator: ", ")
        return "MOTRANS_KERNELS=\(name) names \(what). Here it can be \(levels), or unset for the last of these."
    }
}

/// The kernels of this process.
///
/// Who composes the program asks `KernelLevel.forced()` first and tells what is wrong; here it is too late for an error.
let ck: ck_kernels = KernelLevel.chosenTable()
