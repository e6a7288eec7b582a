using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Cluster.Hosting;

namespace G2RL.Onnx.Cli.Commands.Clusters;

/// <summary>What a cluster needs beside its members.</summary>
internal static class ClusterCommand
{
    public static Command Create() => new("cluster", "Certificates of a cluster's members, and what a cluster would gain.")
    {
        Certificate(),
        SimulateCommand.Create(),
    };

    private static Command Certificate()
    {
        var folder = new Option<string>("--folder") { Description = "Folder of the authority and the certificates.", Required = true };
        var member = new Option<string>("--member")
        {
            Description = "Name of the certificate's file.",
            DefaultValueFactory = _ => "member",
        };
        var days = new Option<int>("--days") { Description = "Days for which it is valid.", DefaultValueFactory = _ => 90 };
        var json = CommonOptions.Json();
        var command = new Command("certificate", """
            Makes an authority for a cluster (once: authority.pem and authority.key) and a member's certificate with its key. Members speak
            only to those that hold a certificate of this authority. Give every member authority.pem and a certificate; keep authority.key
            where certificates are made. Taking a member out: make a new authority and new certificates for the others.

              g2rl cluster certificate --folder keys --member worker-1
              g2rl worker --set distribution.membership=redis:env:G2RL_REDIS --set distribution.listen=10.0.0.5:11111
              --set distribution.certificate=keys/worker-1.pem --set distribution.authority=keys/authority.pem
            """)
        {
            folder,
            member,
            days,
            json,
        };
        command.SetAction(parsed =>
        {
            var (name, valid) = (parsed.GetValue(member)!, parsed.GetValue(days));
            if (name.Length == 0 || name == "authority" || name.AsSpan().ContainsAny(Path.GetInvalidFileNameChars()))
                throw new InputException($"--member is '{name}'; it must be the name of a file, and not authority.");
            if (valid is < 1 or > 3650)
                throw new InputException($"--days is {valid}; it must be 1 to 3650.");
            var (authority, certificate) =
                MemberCertificates.Make(parsed.GetValue(folder)!, name, TimeSpan.FromDays(valid), TimeProvider.System);
            Console.WriteLine(parsed.GetValue(json)
                ? new JsonObject { ["authority"] = authority, ["certificate"] = certificate }.ToJsonString()
                : $"authority    {authority}\ncertificate  {certificate} (with its key; {valid} days)");
            return 0;
        });
        return command;
    }
}
