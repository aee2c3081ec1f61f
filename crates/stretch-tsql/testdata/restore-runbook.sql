Declare @credentialName nvarchar(128); 
SET @credentialName = N’<database_scoped_credential_name_created_previously>’; 
EXEC sp_rda_reauthorize_db @credentialName;

